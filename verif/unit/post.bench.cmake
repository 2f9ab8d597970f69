npugen_bench(NAME postprocess TOP npu_postprocess TEST postprocess_test.cc
  RTL cells/npu_requantize.sv units/npu_postprocess.sv
  VARIANTS r1:Width=1 r4:Width=4 r16:Width=16)
