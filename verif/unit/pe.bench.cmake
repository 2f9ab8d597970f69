# SPDX-License-Identifier: Apache-2.0
npugen_bench(NAME pe TOP npu_pe TEST pe_test.cc LIBRARIES npugen_functional npugen_stream npugen_numerics npugen_arch
  RTL npu_affine.sv npu_argmax.sv npu_bank_map.sv npu_bit_operands.sv npu_value_fetch.sv npu_command_queue.sv npu_core.sv npu_dot_tile.sv npu_drain.sv
      npu_fetch_ahead.sv npu_fetch_field.sv npu_fetch_loops.sv npu_fetch_places.sv npu_fetch_queue.sv npu_fetch_walker.sv npu_fifo.sv npu_float_results.sv npu_float_round.sv npu_float_sums.sv npu_fp32_add.sv npu_fp32_divide.sv npu_fp32_multiply.sv npu_vector.sv npu_vector_array.sv npu_vector_issue.sv npu_vector_entries.sv npu_vector_lane.sv npu_vector_load.sv npu_vector_parts.sv npu_vector_step.sv npu_vector_finish.sv npu_vector_store.sv npu_vector_value.sv npu_leading_zeros.sv npu_lookup.sv npu_matrix_unit.sv npu_operand_path.sv npu_operands.sv
      npu_output_walker.sv npu_pe.sv npu_pe_control.sv npu_pe_memory.sv npu_pool_bits.sv npu_position_walker.sv
      npu_postprocess.sv npu_ram_1r1w.sv npu_ram_1rw.sv npu_ram_fifo.sv npu_read_network.sv npu_requantize.sv npu_result_chunk.sv
      npu_residual.sv npu_results.sv npu_row_port.sv npu_row_writer.sv npu_sequencer.sv npu_slice_walker.sv npu_softmax.sv npu_sum_stages.sv
      npu_threshold.sv npu_vector_buffer.sv npu_vector_units.sv npu_waits.sv npu_weight_loader.sv npu_write_buffer.sv
  SYNTHESIS_RTL npu_booth.sv npu_dot_lane.sv npu_float_accumulate.sv npu_float_align.sv npu_float_lane.sv npu_float_operand.sv npu_float_products.sv
  SYNTHESIS_POPCOUNT Simd
  PRINTED npu_byte_multiplier.sv npu_float_tree.sv npu_significand_product.sv PRINTED_SIZE Simd
  VARIANTS
    edge:PeMemBytes=32768,PeBanks=8,PeWordBytes=16,Cores=1,CoreMemBytes=32768,CoreBanks=4,CoreBankBytes=16,Lanes=16,Simd=16,Stages=2,Accumulators=16,PostWidth=16,Ports=4,LookupPorts=4,BusBytes=16,SkipWindow=16,SkipSlices=32
    nano:PeMemBytes=8192,PeBanks=4,PeWordBytes=8,Cores=1,CoreMemBytes=8192,CoreBanks=2,CoreBankBytes=8,Lanes=4,Simd=4,Stages=2,Accumulators=16,PostWidth=4,Ports=1,LookupPorts=1,BusBytes=8,SkipWindow=4,SkipSlices=3
    l1s4:PeMemBytes=8192,PeBanks=2,PeWordBytes=4,Cores=1,CoreMemBytes=4096,CoreBanks=1,CoreBankBytes=4,Lanes=1,Simd=4,Stages=1,Accumulators=2,PostWidth=1,Ports=1,LookupPorts=1,BusBytes=4,SkipWindow=1,SkipSlices=1
    l8s8:PeMemBytes=16384,PeBanks=4,PeWordBytes=16,Cores=1,CoreMemBytes=16384,CoreBanks=2,CoreBankBytes=16,Lanes=8,Simd=8,Stages=1,Accumulators=8,PostWidth=4,Ports=2,LookupPorts=2,BusBytes=8,SkipWindow=8,SkipSlices=7
    l16s4:PeMemBytes=16384,PeBanks=8,PeWordBytes=16,Cores=1,CoreMemBytes=16384,CoreBanks=8,CoreBankBytes=8,Lanes=16,Simd=4,Stages=2,Accumulators=32,PostWidth=8,Ports=4,LookupPorts=8,BusBytes=16,SkipWindow=16,SkipSlices=4
    l32s8:PeMemBytes=16384,PeBanks=4,PeWordBytes=16,Cores=1,CoreMemBytes=32768,CoreBanks=4,CoreBankBytes=16,Lanes=32,Simd=8,Stages=1,Accumulators=16,PostWidth=16,Ports=3,LookupPorts=1,BusBytes=16,SkipWindow=1,SkipSlices=1
    l3s5c2:PeMemBytes=8192,PeBanks=4,PeWordBytes=16,Cores=2,CoreMemBytes=8192,CoreBanks=1,CoreBankBytes=8,Lanes=3,Simd=5,Stages=2,Accumulators=5,PostWidth=4,Ports=2,LookupPorts=2,BusBytes=4,SkipWindow=4,SkipSlices=5
    float:PeMemBytes=16384,PeBanks=8,PeWordBytes=16,Cores=1,CoreMemBytes=32768,CoreBanks=4,CoreBankBytes=16,Lanes=16,Simd=16,Stages=6,Accumulators=16,PostWidth=16,Ports=4,LookupPorts=4,BusBytes=16,SkipWindow=1,SkipSlices=1,VectorLanes=8
    float8:PeMemBytes=8192,PeBanks=4,PeWordBytes=8,Cores=2,CoreMemBytes=8192,CoreBanks=2,CoreBankBytes=16,Lanes=4,Simd=8,Stages=6,Accumulators=3,PostWidth=8,Ports=2,LookupPorts=2,BusBytes=8,SkipWindow=1,SkipSlices=1,VectorLanes=4
    float6:PeMemBytes=8192,PeBanks=4,PeWordBytes=8,Cores=1,CoreMemBytes=8192,CoreBanks=2,CoreBankBytes=16,Lanes=5,Simd=6,Stages=6,Accumulators=8,PostWidth=4,Ports=1,LookupPorts=1,BusBytes=4,SkipWindow=1,SkipSlices=1,VectorLanes=4)
