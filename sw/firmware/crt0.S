# SPDX-License-Identifier: Apache-2.0
# Start-up and trap entry of the bare-metal firmware (RV32IM, machine mode).
#include "sw/firmware/board.h"

    .option arch, +zicsr  // control registers; everything else is plain RV32IM

    .section .text.start, "ax"
    .globl _start
_start:
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    la      sp, __stack_top
    la      t0, trap_entry
    csrw    mtvec, t0
    la      t0, __bss_start
    la      t1, __bss_end
1:  bgeu    t0, t1, 2f
    sw      zero, 0(t0)
    addi    t0, t0, 4
    j       1b
2:  call    main
    li      t0, BOARD_EXIT
    sw      a0, 0(t0)
3:  j       3b

# Saves what a C function may change, calls handle_trap(mcause) and returns from the trap.
    .balign 4
trap_entry:
    addi    sp, sp, -64
    sw      ra, 0(sp)
    sw      t0, 4(sp)
    sw      t1, 8(sp)
    sw      t2, 12(sp)
    sw      a0, 16(sp)
    sw      a1, 20(sp)
    sw      a2, 24(sp)
    sw      a3, 28(sp)
    sw      a4, 32(sp)
    sw      a5, 36(sp)
    sw      a6, 40(sp)
    sw      a7, 44(sp)
    sw      t3, 48(sp)
    sw      t4, 52(sp)
    sw      t5, 56(sp)
    sw      t6, 60(sp)
    csrr    a0, mcause
    call    handle_trap
    lw      ra, 0(sp)
    lw      t0, 4(sp)
    lw      t1, 8(sp)
    lw      t2, 12(sp)
    lw      a0, 16(sp)
    lw      a1, 20(sp)
    lw      a2, 24(sp)
    lw      a3, 28(sp)
    lw      a4, 32(sp)
    lw      a5, 36(sp)
    lw      a6, 40(sp)
    lw      a7, 44(sp)
    lw      t3, 48(sp)
    lw      t4, 52(sp)
    lw      t5, 56(sp)
    lw      t6, 60(sp)
    addi    sp, sp, 64
    mret

# void wait_for_interrupt(void): sleeps until an interrupt is pending, then lets the handler run.
# Called with interrupts disabled, so that none can slip in between the caller's check and wfi.
    .text
    .globl wait_for_interrupt
wait_for_interrupt:
    wfi
    csrsi   mstatus, 8
    nop
    csrci   mstatus, 8
    ret

# void enable_external_interrupt(void): lets the external interrupt be pending; mstatus stays off.
    .globl enable_external_interrupt
enable_external_interrupt:
    li      t0, 0x800
    csrs    mie, t0
    ret
    # Nobody runs on into what the linker puts here.
    ebreak
