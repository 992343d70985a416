# find_package(dsmil) gives the targets dsmil::dsmil (shared) and dsmil::dsmil-static.
# The file lies in PREFIX/share/cmake/dsmil, where CMake looks of itself if PREFIX is in CMAKE_PREFIX_PATH. What there is to
# know about the library is in its pkg-config file, which is asked, so that it is written down once.
include(CMakeFindDependencyMacro)
find_dependency(PkgConfig)

get_filename_component(_dsmil_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(_dsmil_path "$ENV{PKG_CONFIG_PATH}")
file(GLOB _dsmil_folders "${_dsmil_prefix}/lib*/pkgconfig" "${_dsmil_prefix}/lib/*/pkgconfig")
string(REPLACE ";" ":" _dsmil_folders "${_dsmil_folders}")
set(ENV{PKG_CONFIG_PATH} "${_dsmil_folders}:${_dsmil_path}")
pkg_check_modules(_dsmil QUIET dsmil)
set(ENV{PKG_CONFIG_PATH} "${_dsmil_path}")

set(dsmil_VERSION "${_dsmil_VERSION}")
if(NOT _dsmil_FOUND)
    set(dsmil_FOUND FALSE)
    set(dsmil_NOT_FOUND_MESSAGE "dsmil.pc is not in ${_dsmil_folders}")
    return()
endif()

if(NOT TARGET dsmil::dsmil)
    add_library(dsmil::dsmil SHARED IMPORTED)
    set_target_properties(dsmil::dsmil PROPERTIES
        IMPORTED_LOCATION "${_dsmil_LIBDIR}/libdsmil.so"
        INTERFACE_INCLUDE_DIRECTORIES "${_dsmil_INCLUDEDIR}")
    add_library(dsmil::dsmil-static STATIC IMPORTED)
    set_target_properties(dsmil::dsmil-static PROPERTIES
        IMPORTED_LOCATION "${_dsmil_LIBDIR}/libdsmil.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_dsmil_INCLUDEDIR}"
        INTERFACE_LINK_LIBRARIES "gcc_s;rt;pthread;m;dl;c")
endif()
