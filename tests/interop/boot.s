# A boot sector that reads sector 1 through the BIOS, writes it with every bit turned over to sector 2, says so on
# the serial line and ends QEMU through its isa-debug-exit device.
        .code16
        .globl  start
start:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        sti
        movb    %dl, drive              # the BIOS says which disk it booted from

        movb    $0x42, %ah              # extended read
        call    transfer
        jc      failed
        movw    $buffer, %si
        movw    $512, %cx
turn:   notb    (%si)
        incw    %si
        loop    turn
        movb    $2, packet_sector
        movb    $0x43, %ah              # extended write
        call    transfer
        jc      failed

        movw    $done, %si
        call    say
        movb    $0x21, %al
        jmp     leave
failed: movw    $wrong, %si
        call    say
        movb    $0x22, %al
leave:  outb    %al, $0xf4              # QEMU's exit status is twice this and one
        hlt
        jmp     leave

transfer:
        movb    $0, %al
        movb    drive, %dl
        movw    $packet, %si
        int     $0x13
        ret

say:    movw    $0x3f8, %dx
1:      lodsb
        testb   %al, %al
        jz      2f
        outb    %al, %dx
        jmp     1b
2:      ret

done:   .asciz  "sector 2 is written\n"
wrong:  .asciz  "the BIOS reports an error\n"
drive:  .byte   0
        .balign 4
packet: .byte   16, 0
        .word   1                       # sectors
        .word   buffer, 0               # offset, segment
packet_sector:
        .quad   1
        .org    510
        .word   0xaa55
        .set    buffer, 0x8000
