# A jump table that user space fills: each program asks for the next slot and, where that slot is
# empty, returns a value that says how far the chain went (3, 0 or 1).

    .license "GPL"
    .map jmp_table, prog_array, entries=3

    .program bpf_func_0, "classifier/0"
    r2 = jmp_table ll
    r3 = 1
    call bpf_tail_call
    r0 = 0
    exit

    .program bpf_func_1, "classifier/1"
    r2 = jmp_table ll
    r3 = 2
    call bpf_tail_call
    r0 = 1
    exit

    .program entry, "classifier"
    r2 = jmp_table ll
    r3 = 0
    call bpf_tail_call
    r0 = 3
    exit
