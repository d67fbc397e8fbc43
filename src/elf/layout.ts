/** ELF64 records, as the System V ABI (gABI 4.1) and `elf(5)` have them. */
export const ELF_HEADER_SIZE = 64;
export const SECTION_HEADER_SIZE = 64;
export const SYMBOL_SIZE = 24;
export const REL_SIZE = 16;
export const RELA_SIZE = 24;

export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;
export const EV_CURRENT = 1;
export const ET_REL = 1;
export const EM_NONE = 0;
export const EM_BPF = 247;
export const SHT_SYMTAB_SHNDX = 18;

/** Section numbers that name no section. */
export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;
/** The number does not fit and stands elsewhere. */
export const SHN_XINDEX = 0xffff;
