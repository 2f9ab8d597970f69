# SPDX-License-Identifier: Apache-2.0
npugen_bench(NAME float_lane TOP npu_float_lane TEST float_lane_test.cc
  RTL npu_float_operand.sv npu_float_products.sv npu_float_align.sv npu_float_accumulate.sv npu_float_lane.sv
  SYNTHESIS_RTL npu_full_adder.sv
  PRINTED npu_float_tree.sv npu_byte_multiplier.sv PRINTED_SIZE Simd
  LIBRARIES npugen_numerics
  VARIANTS s16:Simd=16 s4:Simd=4 s2:Simd=2 s6:Simd=6)
npugen_bench(NAME float_results TOP npu_float_results TEST float_results_test.cc
  RTL npu_leading_zeros.sv npu_fp32_multiply.sv npu_fp32_add.sv npu_float_round.sv npu_float_results.sv
  SYNTHESIS_RTL npu_full_adder.sv
  PRINTED npu_significand_product.sv PRINTED_SIZE PostWidth
  LIBRARIES npugen_numerics
  VARIANTS w16:PostWidth=16 w4:PostWidth=4)
npugen_bench(NAME fp32_divide TOP npu_fp32_divide TEST fp32_divide_test.cc RTL npu_fp32_divide.sv
  LIBRARIES npugen_numerics VARIANTS all:)
