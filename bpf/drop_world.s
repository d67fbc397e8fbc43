# Drops every frame that reaches the interface.
    .license "GPL"
    .program xdp_drop_the_world, "xdp"
    r0 = XDP_DROP
    exit
