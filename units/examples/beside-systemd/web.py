#!/usr/bin/python3
"""Answers HTTP on the socket that systemd hands it, and says which address and port were asked for."""

import http.server
import socket


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host, port = self.connection.getsockname()[:2]
        text = f"You asked {host} port {port}.\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


server = http.server.ThreadingHTTPServer(("", 0), Answer, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=3)  # the first of LISTEN_FDS, sd_listen_fds(3)
server.serve_forever()
