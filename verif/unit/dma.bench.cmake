# SPDX-License-Identifier: Apache-2.0
# The DMA engines, alone and together, against a byte-by-byte reference.
npugen_bench(NAME dma TOP dma_bench TEST dma_test.cc
  RTL npu_fifo.sv npu_burst_queue.sv npu_head_fifo.sv npu_ram_1r1w.sv npu_ram_fifo.sv npu_bank_map.sv npu_bus_place.sv npu_dma_runs.sv
      npu_dma_realign.sv npu_dma_transpose.sv npu_dma_swizzle.sv npu_dma_chunks.sv npu_store_swizzle.sv npu_waits.sv npu_load.sv npu_load_check.sv npu_load_staging.sv npu_load_waits.sv npu_load_words.sv
      npu_store.sv npu_store_check.sv npu_dma.sv
      npu_epochs.sv npu_axi_read_mux.sv unit/dma_bench.sv sim/axi_checker.cc sim/axi_memory.cc sim/hbm_timing.cc sim/hbm_memory.cc sim/hbm_port.cc
  VARIANTS b4:BusBytes=4,PeBanks=2,PeWordBytes=4,GridX=1,GridY=1,Cores=1 b8:BusBytes=8,PeBanks=4,PeWordBytes=16,Outstanding=2,MaxBurst=8,ParameterBuffer=8,ActivationBuffer=16
           b16:BusBytes=16,PeBanks=8,PeWordBytes=16 deep:BusBytes=16,PeBanks=8,PeWordBytes=16,Outstanding=64 b64:BusBytes=64,PeBanks=16,PeWordBytes=64,Outstanding=4,Cores=16)
npugen_bench(NAME load_waits TOP npu_load_waits TEST load_waits_test.cc
  RTL npu_head_fifo.sv npu_waits.sv npu_load_waits.sv
  VARIANTS b16:Barriers=16,NumberW=4 b34:Barriers=34,NumberW=4)
npugen_bench(NAME load_staging TOP npu_load_staging TEST load_staging_test.cc
  RTL npu_ram_1r1w.sv npu_ram_fifo.sv npu_load_staging.sv
  VARIANTS b4:BusBytes=4,ParameterBuffer=8,ActivationBuffer=16,Outstanding=2,MaxBurst=8
           b16:BusBytes=16,ParameterBuffer=64,ActivationBuffer=64,Outstanding=8,MaxBurst=32)
npugen_bench(NAME load_check TOP npu_load_check TEST dma_check_test.cc LIBRARIES npugen_stream npugen_arch
  RTL npu_dma_runs.sv npu_load_check.sv
  VARIANTS b4:BusBytes=4,AddrW=40,NumPes=1,Cores=1,PeMemBytes=8192,CoreMemBytes=4096,MaxBurst=8,NumberW=4
           b16:BusBytes=16,AddrW=40,NumPes=16,Cores=4,PeMemBytes=131072,CoreMemBytes=65536,MaxBurst=32,NumberW=4
           b64:BusBytes=64,AddrW=40,NumPes=4,Cores=1,PeMemBytes=8192,CoreMemBytes=4096,MaxBurst=256,NumberW=4)
npugen_bench(NAME store_check TOP npu_store_check TEST dma_check_test.cc LIBRARIES npugen_stream npugen_arch
  RTL npu_dma_runs.sv npu_store_check.sv
  VARIANTS b4:BusBytes=4,AddrW=40,NumPes=1,PeMemBytes=8192,MaxBurst=8
           b16:BusBytes=16,AddrW=40,NumPes=16,PeMemBytes=131072,MaxBurst=32
           b64:BusBytes=64,AddrW=40,NumPes=4,PeMemBytes=8192,MaxBurst=256)
