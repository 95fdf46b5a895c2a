# Fails where an instruction set's object file defines a weak or unique symbol: an inline function or template outside an
# anonymous namespace. The linker keeps one copy of such a symbol, perhaps the one compiled for a CPU that is not there.
string(REPLACE "|" ";" OBJECTS "${OBJECTS}")
set(bad "")
foreach(object ${OBJECTS})
  execute_process(COMMAND ${NM} -C --defined-only ${object} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]* [WwVvu] [^\n]*" weak "${symbols}")
  foreach(line ${weak})
    string(APPEND bad "${object}: ${line}\n")
  endforeach()
endforeach()
if(bad)
  message(FATAL_ERROR "weak symbols in instruction set objects (put them into an anonymous namespace):\n${bad}")
endif()
