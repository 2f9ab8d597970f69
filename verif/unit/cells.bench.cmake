# SPDX-License-Identifier: Apache-2.0
npugen_bench(NAME fifo TOP npu_fifo TEST fifo_test.cc RTL npu_fifo.sv
  VARIANTS w8_d1:Width=8,Depth=1 w32_d2:Width=32,Depth=2 w5_d3:Width=5,Depth=3 w64_d16:Width=64,Depth=16)
npugen_bench(NAME head_fifo TOP npu_head_fifo TEST fifo_test.cc RTL npu_head_fifo.sv
  VARIANTS w8_d1:Width=8,Depth=1 w32_d2:Width=32,Depth=2 w5_d3:Width=5,Depth=3 w64_d4:Width=64,Depth=4)
