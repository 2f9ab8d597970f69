# SPDX-License-Identifier: Apache-2.0
npugen_bench(NAME vector TOP npu_vector TEST vector_test.cc
  RTL npu_ram_1r1w.sv npu_leading_zeros.sv npu_fp32_multiply.sv npu_fp32_add.sv npu_fp32_divide.sv
      npu_float_round.sv npu_vector_value.sv npu_vector_step.sv npu_vector_finish.sv npu_vector_lane.sv
      npu_vector_array.sv npu_vector_issue.sv npu_vector_entries.sv npu_vector_load.sv npu_vector_parts.sv npu_vector_store.sv npu_ram_fifo.sv
      npu_vector.sv
  SYNTHESIS_RTL npu_full_adder.sv
  PRINTED npu_significand_product.sv PRINTED_SIZE WriteBytes
  LIBRARIES npugen_functional npugen_stream npugen_numerics npugen_arch
  VARIANTS l8:Lanes=8,MemBytes=4096,ReadBytes=16,WriteBytes=16
           l4:Lanes=4,MemBytes=2048,ReadBytes=4,WriteBytes=4
           l16:Lanes=16,MemBytes=8192,ReadBytes=32,WriteBytes=8)
