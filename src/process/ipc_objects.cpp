#include "process/ipc_objects.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe {
namespace {

/// The identifiers of those of a table of proc_sysvipc(5) that are of `uid`. Their columns have names.
std::vector<int> objects_of(uid_t uid, const char* table, const char* id_head) {
    std::ifstream file(std::string("/proc/sysvipc/") + table);
    std::string line;
    std::getline(file, line);
    std::istringstream heads(line);
    std::size_t id_column = 0, uid_column = 0, columns = 0;
    for (std::string head; heads >> head; ++columns) {
        if (head == id_head) id_column = columns;
        if (head == "uid") uid_column = columns;
    }
    std::vector<int> found;
    while (std::getline(file, line)) {
        std::istringstream fields(line);
        long long field = 0, id = -1, owner = -1;
        for (std::size_t column = 0; fields >> field; ++column) {
            if (column == id_column) id = field;
            if (column == uid_column) owner = field;
        }
        if (owner == static_cast<long long>(uid)) found.push_back(static_cast<int>(id));
    }
    return found;
}

/// Those directly in `directory`; a directory with all that is in it.
void remove_files(uid_t uid, const std::string& directory, Status& all) {
    std::error_code error;
    for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
        const std::filesystem::path& path = at->path();
        struct stat status {};
        if (::lstat(path.c_str(), &status) < 0 || status.st_uid != uid) continue;
        std::error_code failed;
        std::filesystem::remove_all(path, failed); // follows no links
        if (failed && all) all = failure(path.string(), failed.value());
    }
}

} // namespace

Status remove_ipc_objects(uid_t uid, const std::string& shared_memory, const std::string& queues) {
    Status all{};
    const auto note = [&](int result, const char* what) {
        if (result < 0 && errno != EIDRM && errno != EINVAL && all) all = system_failure(what); // these: it is gone
    };
    for (const int id : objects_of(uid, "shm", "shmid")) note(::shmctl(id, IPC_RMID, nullptr), "shmctl");
    for (const int id : objects_of(uid, "sem", "semid")) note(::semctl(id, 0, IPC_RMID), "semctl");
    for (const int id : objects_of(uid, "msg", "msqid")) note(::msgctl(id, IPC_RMID, nullptr), "msgctl");
    remove_files(uid, shared_memory, all);
    remove_files(uid, queues, all);
    return all;
}

} // namespace swathe
