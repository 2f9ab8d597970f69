# SPDX-License-Identifier: Apache-2.0
# The DMA engines, alone and together, against a byte-by-byte reference.
npugen_bench(NAME dma TOP dma_bench TEST dma_test.cc
  RTL cells/npu_fifo.sv cells/npu_ram_1r1w.sv cells/npu_ram_fifo.sv units/npu_dma_runs.sv
      units/npu_dma_realign.sv units/npu_waits.sv units/npu_load.sv units/npu_store.sv units/npu_dma.sv
      units/npu_epochs.sv units/npu_axi_read_mux.sv ../verif/unit/dma_bench.sv ../verif/sim/axi_checker.cc ../verif/sim/axi_memory.cc
  VARIANTS b4:BusBytes=4,GridX=1,GridY=1,Cores=1 b8:BusBytes=8,Outstanding=2,MaxBurst=8,ParameterBuffer=8,ActivationBuffer=16
           b16:BusBytes=16 b64:BusBytes=64,Outstanding=4,Cores=16)
