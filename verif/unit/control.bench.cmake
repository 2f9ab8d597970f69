# The control path: command fetch, dispatcher, queues, barriers and the controller that ties them together.
npugen_bench(NAME ram_fifo TOP npu_ram_fifo TEST ram_fifo_test.cc
  RTL cells/npu_ram_1r1w.sv cells/npu_ram_fifo.sv
  VARIANTS w8_d1:Width=8,Depth=1,Bypass=1 w8_d1_direct:Width=8,Depth=1,Bypass=0
           w33_d5:Width=33,Depth=5,Bypass=1 w64_d16_direct:Width=64,Depth=16,Bypass=0)
npugen_bench(NAME command_queue TOP npu_command_queue TEST command_queue_test.cc
  RTL cells/npu_ram_1r1w.sv cells/npu_ram_fifo.sv units/npu_command_queue.sv
  VARIANTS e7_d1:Entries=7,Depth=1 e10_d4:Entries=10,Depth=4 e10_d16:Entries=10,Depth=16)
npugen_bench(NAME barriers TOP npu_barriers TEST barriers_test.cc RTL units/npu_barriers.sv
  VARIANTS p1:UnitPorts=1 p2:UnitPorts=2 p33:UnitPorts=33)
