# What `cmake --install` lays down: libraries, headers, the CMake package, the pkg-config file and the licence.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lumicrop)

# One file of targets per library: a consumer of the shared library needs no OpenMP.
install(TARGETS lumicrop EXPORT lumicrop_shared)
install(TARGETS lumicrop_static EXPORT lumicrop_static)
install(EXPORT lumicrop_shared NAMESPACE lumicrop:: FILE lumicropSharedTargets.cmake DESTINATION ${package_dir})
install(EXPORT lumicrop_static NAMESPACE lumicrop:: FILE lumicropStaticTargets.cmake DESTINATION ${package_dir})
install(DIRECTORY include/lumicrop DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# What a C program's linker has to be told beyond the static library: the C++ runtime.
set(lumicrop_cxx_runtime ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
list(FILTER lumicrop_cxx_runtime INCLUDE REGEX "^(stdc\\+\\+|c\\+\\+|m)$")

# Before 1.0 a minor version may break.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lumicropConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_package_config_file(cmake/lumicropConfig.cmake.in ${PROJECT_BINARY_DIR}/lumicropConfig.cmake
    INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
install(FILES ${PROJECT_BINARY_DIR}/lumicropConfig.cmake ${PROJECT_BINARY_DIR}/lumicropConfigVersion.cmake
    DESTINATION ${package_dir})

# pkg-config finds the prefix from where its file lies, so that the tree can be moved. An absolute directory stays as it is.
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    set(pkgconfig_prefix ${CMAKE_INSTALL_PREFIX})
else()
    file(RELATIVE_PATH prefix_from_pkgconfig /${pkgconfig_dir} /)
    string(REGEX REPLACE "/$" "" pkgconfig_prefix "\${pcfiledir}/${prefix_from_pkgconfig}")
endif()
foreach(directory LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE ${CMAKE_INSTALL_${directory}})
        set(pkgconfig_${directory} ${CMAKE_INSTALL_${directory}})
    else()
        set(pkgconfig_${directory} "\${prefix}/${CMAKE_INSTALL_${directory}}")
    endif()
endforeach()
set(pkgconfig_libs_private ${lumicrop_cxx_runtime})
list(TRANSFORM pkgconfig_libs_private PREPEND -l)
list(JOIN pkgconfig_libs_private " " pkgconfig_libs_private)
string(PREPEND pkgconfig_libs_private "${OpenMP_CXX_FLAGS} -pthread ")
if(cuda_runtime STREQUAL "CUDA::cudart_static")
    string(PREPEND pkgconfig_libs_private "-L${CUDAToolkit_LIBRARY_DIR} -lcudart_static -ldl -lrt ")
endif()
configure_file(cmake/lumicrop.pc.in ${PROJECT_BINARY_DIR}/lumicrop.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lumicrop.pc DESTINATION ${pkgconfig_dir})
