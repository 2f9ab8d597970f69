# SPDX-License-Identifier: Apache-2.0
# Links between chips: the cells, and whole links with a wire between them (docs/machine.md, section 7).
foreach(crc IN ITEMS npu_crc npu_crc_cxl npu_crc_ucie)
  string(REPLACE "npu_" "" name ${crc})
  npugen_bench(NAME ${name} TOP ${crc} TEST crc_test.cc LIBRARIES npugen_emit_arch npugen_arch RTL ${crc}.sv VARIANTS printed:)
endforeach()
