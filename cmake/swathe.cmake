# What every target of the project shares.

add_library(swathe_headers INTERFACE)
target_include_directories(swathe_headers INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/bpf)
target_compile_options(swathe_headers INTERFACE -Wall -Wextra -Wshadow -Wconversion -Werror)
# GCC 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651)
target_compile_options(swathe_headers INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# and the error of a Result freed that has a value
target_compile_options(swathe_headers INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-free-nonheap-object>)
target_compile_definitions(swathe_headers INTERFACE SWATHE_VERSION="${PROJECT_VERSION}")
target_link_libraries(swathe_headers INTERFACE tl::expected)
if(SWATHE_SANITIZE)
    # Without null and alignment: a null is found by its fault, x86-64 and arm64 align by themselves, and the fuzzers look for both. They
    # would cost up to a sixth more time to build and a third more code.
    target_compile_options(swathe_headers INTERFACE -g1 -fsanitize=address,undefined -fno-sanitize=null,alignment
        -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(swathe_headers INTERFACE -fsanitize=address,undefined)
endif()
if(SWATHE_FUZZ)
    target_compile_options(swathe_headers INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(swathe_headers INTERFACE -fsanitize=address,undefined)
endif()

# swathe_library(LAYER FILE...): the static library of one directory of src/, and one place for what holds for all.
function(swathe_library layer)
    add_library(swathe_${layer} STATIC ${ARGN})
    target_link_libraries(swathe_${layer} PUBLIC swathe_headers)
    if(SWATHE_TIDY)
        set_target_properties(swathe_${layer} PROPERTIES CXX_CLANG_TIDY "clang-tidy;--quiet;--warnings-as-errors=*")
    endif()
endfunction()

# swathe_unit_test(LAYER FILE...): one doctest program for the layer, run without privileges.
function(swathe_unit_test layer)
    add_executable(${layer}_test ${ARGN} ${PROJECT_SOURCE_DIR}/tests/unit/main.cpp)
    target_link_libraries(${layer}_test PRIVATE swathe_${layer} doctest::doctest)
    target_compile_definitions(${layer}_test PRIVATE SWATHE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests")
    add_test(NAME unit.${layer} COMMAND ${layer}_test --no-version)
    set_tests_properties(unit.${layer} PROPERTIES LABELS unit)
endfunction()
