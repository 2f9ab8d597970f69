# SPDX-License-Identifier: Apache-2.0
# The link layer of a CXL device, with a host of the model before it (docs/cxl.md).
npugen_bench(NAME cxl TOP npu_cxl_link TEST cxl_test.cc
  RTL npu_crc_cxl.sv npu_cxl_bits.sv npu_ram_1r1w.sv npu_credits.sv npu_replay.sv npu_packet_fifo.sv npu_ram_fifo.sv npu_cxl_crc.sv npu_cxl_pair.sv
      npu_cxl_rx.sv npu_cxl_unpack.sv npu_cxl_retry.sv npu_cxl_pack.sv npu_cxl_send.sv npu_cxl_link.sv
      sim/cxl_flit.cc sim/cxl_model.cc
  VARIANTS full:Replay=32,ReqRoom=16,RwdRoom=8 small:Replay=16,ReqRoom=3,RwdRoom=2)
