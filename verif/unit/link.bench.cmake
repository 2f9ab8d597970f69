# SPDX-License-Identifier: Apache-2.0
# Links between chips: the cells, and whole links with a wire between them (docs/machine.md, section 7).
foreach(crc IN ITEMS npu_crc npu_crc_cxl npu_crc_ucie)
  string(REPLACE "npu_" "" name ${crc})
  npugen_bench(NAME ${name} TOP ${crc} TEST crc_test.cc LIBRARIES npugen_emit_arch npugen_arch RTL ${crc}.sv VARIANTS printed:)
endforeach()
set(link_rtl npu_crc.sv npu_ram_1r1w.sv npu_credits.sv npu_replay.sv npu_packet_fifo.sv npu_link_control.sv npu_link_tx.sv
             npu_link_rx.sv npu_link.sv sim/link_model.cc)
npugen_bench(NAME link TOP npu_link TEST link_test.cc RTL ${link_rtl}
  VARIANTS full:Replay=32,Buffer=16,Payload=256 small:Replay=4,Buffer=4,Payload=64)
npugen_bench(NAME link_model TOP npu_link TEST link_model_test.cc RTL ${link_rtl}
  VARIANTS full:Replay=32,Buffer=16,Payload=256 small:Replay=4,Buffer=4,Payload=64)
