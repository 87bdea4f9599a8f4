// Loaded before the C library (LD_PRELOAD): the load average is the number in the file $LOADAVG.

#include <stdio.h>
#include <stdlib.h>

int getloadavg(double averages[], int count) {
    const char* path = getenv("LOADAVG");
    FILE* file = path == NULL ? NULL : fopen(path, "re");
    const int read = file != NULL && count > 0 ? fscanf(file, "%lf", averages) : 0;
    if (file != NULL) fclose(file);
    return read == 1 ? 1 : -1;
}
