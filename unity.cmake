# SPDX-License-Identifier: Apache-2.0
# Compiles several C++ sources as one, as most of what is compiled are headers. CMake's own UNITY_BUILD names sources by
# absolute paths, by which ccache and __FILE__ tell one checkout from another; here they are relative to the checkout.
#
# Sources of one executable or library must then agree in their names, also in those of namespaces without a name.

# What is compiled as one, bytes at most: a source that is larger is alone. More would be quicker from scratch, and slower
# after a change of one source.
set(NPUGEN_UNITY_BYTES 80000)

# Writes the file that includes BATCH, the NUMBER-th of TARGET, and sets OUT to what is compiled instead of BATCH.
function(npugen_unity_file TARGET NUMBER BATCH OUT)
  list(LENGTH BATCH count)
  if(count LESS 2)
    set(${OUT} ${BATCH} PARENT_SCOPE)
    return()
  endif()
  set(text "// What CMake compiles as one: see unity.cmake.\n")
  foreach(source IN LISTS BATCH)
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${source})
    string(APPEND text "#include \"${path}\"\n")
  endforeach()
  get_target_property(folder ${TARGET} BINARY_DIR)
  set(file ${folder}/unity/${TARGET}_${NUMBER}.cc)
  file(CONFIGURE OUTPUT ${file} CONTENT "${text}" @ONLY)
  set(${OUT} ${file} PARENT_SCOPE)
endfunction()

function(npugen_unite_target TARGET)
  get_target_property(sources ${TARGET} SOURCES)
  get_target_property(folder ${TARGET} SOURCE_DIR)
  set(compiled "")
  set(batch "")
  set(bytes 0)
  set(number 0)
  foreach(source IN LISTS sources)
    get_filename_component(path ${source} ABSOLUTE BASE_DIR ${folder})
    get_source_file_property(definitions ${path} TARGET_DIRECTORY ${TARGET} COMPILE_DEFINITIONS)
    # Not C, not what the build writes, not what has macros of its own.
    if(NOT path MATCHES "\\.cc$" OR NOT EXISTS ${path} OR path MATCHES "^${CMAKE_BINARY_DIR}/" OR definitions)
      list(APPEND compiled ${source})
      continue()
    endif()
    file(SIZE ${path} size)
    math(EXPR together "${bytes} + ${size}")
    if(batch AND together GREATER NPUGEN_UNITY_BYTES)
      npugen_unity_file(${TARGET} ${number} "${batch}" file)
      list(APPEND compiled ${file})
      math(EXPR number "${number} + 1")
      set(batch "")
      set(together ${size})
    endif()
    list(APPEND batch ${path})
    set(bytes ${together})
  endforeach()
  npugen_unity_file(${TARGET} ${number} "${batch}" file)
  list(APPEND compiled ${file})
  set_target_properties(${TARGET} PROPERTIES SOURCES "${compiled}")
  # GCC takes the sources of a batch for headers, which must not have members of types without linkage.
  target_compile_options(${TARGET} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endfunction()

# All executables and libraries of FOLDER and below.
function(npugen_unite FOLDER)
  get_property(targets DIRECTORY ${FOLDER} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    if(type MATCHES "^(EXECUTABLE|STATIC_LIBRARY|SHARED_LIBRARY)$")
      npugen_unite_target(${target})
    endif()
  endforeach()
  get_property(folders DIRECTORY ${FOLDER} PROPERTY SUBDIRECTORIES)
  foreach(folder IN LISTS folders)
    npugen_unite(${folder})
  endforeach()
endfunction()
