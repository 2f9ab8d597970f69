# SPDX-License-Identifier: Apache-2.0
# The control path: command fetch, dispatcher, queues, barriers, and the controller around them.
npugen_bench(NAME ram_fifo TOP npu_ram_fifo TEST ram_fifo_test.cc
  RTL npu_ram_1r1w.sv npu_ram_fifo.sv
  VARIANTS w8_d1:Width=8,Depth=1,Bypass=1 w8_d1_direct:Width=8,Depth=1,Bypass=0
           w33_d5:Width=33,Depth=5,Bypass=1 w64_d16_direct:Width=64,Depth=16,Bypass=0)
npugen_bench(NAME front_fifo TOP npu_front_fifo TEST front_fifo_test.cc
  RTL npu_ram_1r1w.sv npu_ram_fifo.sv npu_front_fifo.sv
  VARIANTS w8_d1:Width=8,Depth=1 w33_d2:Width=33,Depth=2 w64_d16:Width=64,Depth=16)
npugen_bench(NAME fetch TOP npu_fetch TEST fetch_test.cc
  RTL npu_ram_1r1w.sv npu_ram_fifo.sv npu_front_fifo.sv npu_fetch.sv
  VARIANTS b4:BusBytes=4,Depth=16,AddrW=40 b8:BusBytes=8,Depth=64,AddrW=32
           b16:BusBytes=16,Depth=256,AddrW=40 b16_d3:BusBytes=16,Depth=3,AddrW=40
           b64:BusBytes=64,Depth=256,AddrW=64 b64_d1:BusBytes=64,Depth=1,AddrW=48)
npugen_bench(NAME dispatch TOP npu_dispatch TEST dispatch_test.cc LIBRARIES npugen_arch
  RTL npu_dispatch.sv
  VARIANTS pe1:GridX=1,GridY=1,Barriers=16 pe6:GridX=3,GridY=2,Barriers=16
           pe32:GridX=8,GridY=4,Barriers=34)
npugen_bench(NAME command_queue TOP npu_command_queue TEST command_queue_test.cc
  RTL npu_ram_1r1w.sv npu_ram_fifo.sv npu_waits.sv npu_command_queue.sv
  VARIANTS e7_d1:Entries=7,Depth=1,Barriers=16 e10_d4:Entries=10,Depth=4,Barriers=20
           e10_d16:Entries=10,Depth=16,Barriers=34)
npugen_bench(NAME barriers TOP npu_barriers TEST barriers_test.cc RTL npu_barriers.sv
  VARIANTS p1:UnitPorts=1,Barriers=16 p2:UnitPorts=2,Barriers=16 p33:UnitPorts=33,Barriers=34)
npugen_bench(NAME controller TOP npu_controller TEST controller_test.cc LIBRARIES npugen_arch
  RTL npu_ram_1r1w.sv npu_ram_fifo.sv npu_front_fifo.sv npu_fetch.sv npu_dispatch.sv
      npu_barriers.sv npu_watchdog.sv npu_job.sv npu_counters.sv npu_controller.sv
  VARIANTS pe1:GridX=1,GridY=1,Barriers=16,BusBytes=16,AddrW=40,InstructionEntries=64
           pe4:GridX=2,GridY=2,Barriers=16,BusBytes=4,AddrW=32,InstructionEntries=32
           pe32:GridX=8,GridY=4,Barriers=34,BusBytes=64,AddrW=64,InstructionEntries=16384)
