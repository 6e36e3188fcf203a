# The GPUs that the library is built for by default: machine code for every major architecture that nvcc knows, and PTX of the newest
# generation, which drivers translate for GPUs to come. Those of systems on a chip with Arm cores alone (110: Jetson Thor) are left
# out of an x86-64 library.
#
# Half of nvcc's time goes from C++ to PTX, and the PTX of one generation is the same for all its architectures as long as none is asked
# about its own features, which no kernel of ours does. So it is made once for 80 and 90, and once for 100 and what follows.
file(WRITE ${CMAKE_BINARY_DIR}/empty.cu "")
execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --dryrun -arch=all-major -c empty.cu
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR} ERROR_VARIABLE plan OUTPUT_QUIET)
string(REGEX MATCHALL "kind=elf,sm=[0-9]+" found "${plan}")
list(TRANSFORM found REPLACE ".*=" "")
list(REMOVE_DUPLICATES found)
list(SORT found COMPARE NATURAL)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(REMOVE_ITEM found 110)
endif()
if(NOT found)
    message(FATAL_ERROR "nvcc does not say what all-major stands for (-DCMAKE_CUDA_ARCHITECTURES=... says it):\n${plan}")
endif()

set(generations "")
foreach(architecture IN LISTS found)
    set(generation ${architecture})
    foreach(first 80 100)
        if(architecture GREATER_EQUAL first AND first IN_LIST found)
            set(generation ${first})
        endif()
    endforeach()
    list(APPEND generations ${generation})
    list(APPEND code_${generation} sm_${architecture})
endforeach()
list(REMOVE_DUPLICATES generations)
list(GET generations -1 newest)
list(APPEND code_${newest} compute_${newest})
foreach(generation IN LISTS generations)
    list(JOIN code_${generation} "," code)
    add_compile_options("$<$<COMPILE_LANGUAGE:CUDA>:--generate-code=arch=compute_${generation},code=[${code}]>")
    message(STATUS "CUDA: machine code and PTX from compute_${generation}: ${code}")
endforeach()
