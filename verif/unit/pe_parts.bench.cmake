# SPDX-License-Identifier: Apache-2.0
# The modules that npu_pe wires, one by one.
npugen_bench(NAME row_port TOP npu_row_port TEST row_port_test.cc
  RTL npu_row_writer.sv npu_row_port.sv
  VARIANTS r64b16:RowBytes=64,Rows=32,BusBytes=16,Cores=1 r8b8:RowBytes=8,Rows=64,BusBytes=8,Cores=2
           r32b4:RowBytes=32,Rows=16,BusBytes=4,Cores=16)
npugen_bench(NAME result_chunk TOP npu_result_chunk TEST result_chunk_test.cc RTL npu_result_chunk.sv
  VARIANTS c1l16:Cores=1,Lanes=16,PostWidth=16 c2l3:Cores=2,Lanes=3,PostWidth=4 c4l8:Cores=4,Lanes=8,PostWidth=8)
npugen_bench(NAME operands TOP npu_operands TEST operands_test.cc LIBRARIES npugen_arch
  RTL npu_operands.sv
  VARIANTS s16p4:WordBytes=16,Simd=16,Accumulators=16,Ports=4 s4p1:WordBytes=8,Simd=4,Accumulators=16,Ports=1
           s5p3:WordBytes=16,Simd=5,Accumulators=5,Ports=3)
npugen_bench(NAME bit_operands TOP npu_bit_operands TEST bit_operands_test.cc
  RTL npu_ram_1r1w.sv npu_bit_operands.sv
  VARIANTS w16:WordBytes=16,Simd=16,Accumulators=16,Ports=4,SkipWindow=16,SkipSlices=32
           w4:WordBytes=16,Simd=5,Accumulators=6,Ports=2,SkipWindow=4,SkipSlices=5
           w1:WordBytes=8,Simd=4,Accumulators=16,Ports=1,SkipWindow=1,SkipSlices=1)
npugen_bench(NAME vector_buffer TOP npu_vector_buffer TEST vector_buffer_test.cc LIBRARIES npugen_arch
  RTL npu_pool_bits.sv npu_vector_buffer.sv
  VARIANTS p16:PostWidth=16,WordBytes=16 p4:PostWidth=4,WordBytes=8 p1:PostWidth=1,WordBytes=4)
npugen_bench(NAME vector_units TOP npu_vector_units TEST vector_units_test.cc LIBRARIES npugen_arch
  RTL npu_ram_1r1w.sv npu_fifo.sv npu_lookup.sv npu_softmax.sv npu_argmax.sv npu_leading_zeros.sv npu_fp32_multiply.sv npu_fp32_add.sv npu_fp32_divide.sv
      npu_float_round.sv npu_vector_value.sv npu_vector_step.sv npu_vector_finish.sv npu_vector_lane.sv npu_vector_array.sv npu_vector_issue.sv npu_vector_entries.sv npu_ram_fifo.sv npu_vector_load.sv npu_vector_parts.sv
      npu_vector_store.sv npu_vector.sv npu_vector_units.sv
  SYNTHESIS_RTL npu_booth.sv npu_full_adder.sv
  PRINTED npu_significand_product.sv PRINTED_SIZE WordBytes
  VARIANTS p16:MemBytes=4096,WordBytes=16,PostWidth=16,LookupPorts=4,RowBytes=64,Rows=64
           p4:MemBytes=4096,WordBytes=8,PostWidth=4,LookupPorts=1,RowBytes=16,Rows=128
           p1:MemBytes=4096,WordBytes=4,PostWidth=1,LookupPorts=1,RowBytes=4,Rows=512)
npugen_bench(NAME sequencer TOP npu_sequencer TEST sequencer_test.cc LIBRARIES npugen_arch
  RTL npu_bank_map.sv npu_fetch_ahead.sv npu_fetch_field.sv npu_fetch_loops.sv npu_fetch_places.sv npu_fetch_queue.sv
      npu_fetch_walker.sv npu_position_walker.sv
      npu_slice_walker.sv npu_sequencer.sv
  VARIANTS s16p4:MemBytes=32768,Banks=8,WordBytes=16,Simd=16,Accumulators=16,PostWidth=16,Ports=4,SkipWindow=16
           s4p1:MemBytes=8192,Banks=4,WordBytes=8,Simd=4,Accumulators=16,PostWidth=4,Ports=1,SkipWindow=1
           s5p3:MemBytes=8192,Banks=2,WordBytes=16,Simd=5,Accumulators=5,PostWidth=4,Ports=3,SkipWindow=4)
npugen_bench(NAME results TOP npu_results TEST results_test.cc LIBRARIES npugen_arch
  RTL npu_requantize.sv npu_postprocess.sv npu_threshold.sv npu_output_walker.sv npu_pool_bits.sv
      npu_vector_buffer.sv npu_fifo.sv npu_affine.sv npu_leading_zeros.sv npu_fp32_multiply.sv npu_fp32_add.sv npu_float_round.sv npu_float_results.sv npu_results.sv
  SYNTHESIS_RTL npu_booth.sv npu_full_adder.sv
  PRINTED npu_significand_product.sv PRINTED_SIZE PostWidth
  VARIANTS l16p16:MemBytes=8192,WordBytes=16,PeLanes=16,PostWidth=16,WriteDepth=12
           l10p4:MemBytes=4096,WordBytes=8,PeLanes=10,PostWidth=4,WriteDepth=12)
npugen_bench(NAME pe_control TOP npu_pe_control TEST pe_control_test.cc LIBRARIES npugen_stream npugen_arch
  RTL npu_ram_1r1w.sv npu_ram_fifo.sv npu_waits.sv npu_command_queue.sv npu_pe_control.sv
  VARIANTS l16:PeLanes=16,WordBytes=16,Simd=16,Accumulators=16,PostWidth=16,Ports=4,SkipWindow=16,SkipSlices=32,QueueDepth=4,Barriers=16
           l4:PeLanes=4,WordBytes=8,Simd=4,Accumulators=16,PostWidth=4,Ports=1,SkipWindow=1,SkipSlices=1,QueueDepth=1,Barriers=16
           l8p3:PeLanes=8,WordBytes=16,Simd=14,Accumulators=8,PostWidth=4,Ports=3,SkipWindow=4,SkipSlices=8,QueueDepth=2,Barriers=16)
