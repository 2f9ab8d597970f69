# SPDX-License-Identifier: Apache-2.0
npugen_bench(NAME float_lane TOP npu_float_lane TEST float_lane_test.cc
  RTL npu_float_operand.sv npu_float_products.sv npu_float_align.sv npu_float_accumulate.sv npu_float_lane.sv
  SYNTHESIS_RTL npu_full_adder.sv
  PRINTED npu_float_tree.sv npu_byte_multiplier.sv PRINTED_SIZE Simd
  LIBRARIES npugen_numerics
  VARIANTS s16:Simd=16 s4:Simd=4 s2:Simd=2 s6:Simd=6)
