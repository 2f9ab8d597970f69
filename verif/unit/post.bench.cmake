# SPDX-License-Identifier: Apache-2.0
npugen_bench(NAME postprocess TOP npu_postprocess TEST postprocess_test.cc
  RTL npu_requantize.sv npu_postprocess.sv
  SYNTHESIS_RTL npu_booth.sv npu_full_adder.sv
  VARIANTS r1:Width=1 r4:Width=4 r16:Width=16)
npugen_bench(NAME softmax TOP npu_softmax TEST softmax_test.cc
  RTL npu_fifo.sv npu_softmax.sv
  SYNTHESIS_RTL npu_booth.sv npu_full_adder.sv
  VARIANTS a16:ReadBytes=16 a4:ReadBytes=4 a1:ReadBytes=1 a64:ReadBytes=64)
npugen_bench(NAME argmax TOP npu_argmax TEST argmax_test.cc RTL npu_argmax.sv
  VARIANTS a16:ReadBytes=16 a4:ReadBytes=4 a1:ReadBytes=1 a64:ReadBytes=64)
npugen_bench(NAME lookup TOP npu_lookup TEST lookup_test.cc
  RTL npu_ram_1r1w.sv npu_lookup.sv
  VARIANTS r1p1:Width=1,Ports=1 r16p16:Width=16,Ports=16 r16p4:Width=16,Ports=4 r8p1:Width=8,Ports=1
           r4p2:Width=4,Ports=2)
npugen_bench(NAME booth TOP npu_booth TEST booth_test.cc RTL npu_full_adder.sv npu_booth.sv VARIANTS all:)
