#include "bpf_load.h"
#include <elf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EM_BPF_MACHINE 247
#define TCX_INGRESS 46 /* BPF_TCX_INGRESS, younger than Debian 12's headers */
#define R_BPF_MAP 1 /* R_BPF_64_64: the instruction takes a map's descriptor */

static int bpf_call(int command, union bpf_attr *attributes)
{
    return (int)syscall(__NR_bpf, command, attributes, sizeof *attributes);
}

int bpf_map_make(u32 type, u32 key_bytes, u32 value_bytes, u32 entries, u32 flags)
{
    union bpf_attr a = {0};
    a.map_type = type;
    a.key_size = key_bytes;
    a.value_size = value_bytes;
    a.max_entries = entries;
    a.map_flags = flags;
    return bpf_call(BPF_MAP_CREATE, &a);
}

int bpf_map_set(int map_fd, const void *key, const void *value)
{
    union bpf_attr a = {0};
    a.map_fd = (u32)map_fd;
    a.key = (size_t)key;
    a.value = (size_t)value;
    return bpf_call(BPF_MAP_UPDATE_ELEM, &a);
}

int bpf_map_remove(int map_fd, const void *key)
{
    union bpf_attr a = {0};
    a.map_fd = (u32)map_fd;
    a.key = (size_t)key;
    return bpf_call(BPF_MAP_DELETE_ELEM, &a);
}

int bpf_xdp_attach(int program_fd, u32 ifindex, u32 flags)
{
    union bpf_attr a = {0};
    a.link_create.prog_fd = (u32)program_fd;
    a.link_create.target_ifindex = ifindex;
    a.link_create.attach_type = BPF_XDP;
    a.link_create.flags = flags;
    return bpf_call(BPF_LINK_CREATE, &a);
}

int bpf_ingress_attach(int program_fd, u32 ifindex)
{
    union bpf_attr a = {0};
    a.link_create.prog_fd = (u32)program_fd;
    a.link_create.target_ifindex = ifindex;
    a.link_create.attach_type = TCX_INGRESS;
    return bpf_call(BPF_LINK_CREATE, &a);
}

int bpf_inject(int pass_program, u32 ifindex, u32 queue, const u8 *frame, u32 bytes)
{
    struct xdp_md where = {.data_end = bytes, .ingress_ifindex = ifindex, .rx_queue_index = queue};
    union bpf_attr a = {0};
    a.test.prog_fd = (u32)pass_program;
    a.test.data_in = (size_t)frame;
    a.test.data_size_in = bytes;
    a.test.ctx_in = (size_t)&where;
    a.test.ctx_size_in = sizeof where;
    a.test.repeat = 1;
    a.test.batch_size = 1;
    a.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    return bpf_call(BPF_PROG_TEST_RUN, &a);
}

/* ---- The object: built with this very file, so its shape is known; what does not fit is refused all the same ---- */

struct object {
    const u8 *bytes;
    const Elf64_Shdr *sections;
    u32 count;
    const char *names;
};

static bool read_object(struct object *o, const struct bpf_program_source *source)
{
    const Elf64_Ehdr *h = source->bytes > sizeof *h ? (const void *)source->object : NULL;
    if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_machine != EM_BPF_MACHINE || h->e_shstrndx >= h->e_shnum ||
        h->e_shoff + (size_t)h->e_shnum * sizeof(Elf64_Shdr) > source->bytes)
        return false;
    *o = (struct object){.bytes = source->object, .sections = (const void *)(source->object + h->e_shoff), .count = h->e_shnum};
    o->names = (const char *)o->bytes + o->sections[h->e_shstrndx].sh_offset;
    return true;
}

static const Elf64_Shdr *section_of(const struct object *o, const char *name)
{
    for (u32 i = 0; i < o->count; i++)
        if (strcmp(o->names + o->sections[i].sh_name, name) == 0)
            return &o->sections[i];
    return NULL;
}

static int map_of(const struct bpf_program_source *source, const char *name)
{
    for (u32 i = 0; i < source->map_count; i++)
        if (strcmp(source->maps[i].name, name) == 0)
            return source->maps[i].fd;
    return -1;
}

static bool put_maps(const struct object *o, const struct bpf_program_source *source, struct bpf_insn *code, u32 count)
{
    char name[32];
    snprintf(name, sizeof name, ".rel%s", source->section);
    const Elf64_Shdr *relocations = section_of(o, name), *symbols = section_of(o, ".symtab"), *strings = section_of(o, ".strtab");
    if (!relocations || !symbols || !strings)
        return false;
    for (size_t at = 0; at < relocations->sh_size; at += sizeof(Elf64_Rel)) {
        Elf64_Rel r;
        memcpy(&r, o->bytes + relocations->sh_offset + at, sizeof r);
        const Elf64_Sym *symbol = (const Elf64_Sym *)(const void *)(o->bytes + symbols->sh_offset) + ELF64_R_SYM(r.r_info);
        u64 i = r.r_offset / sizeof *code;
        int fd = map_of(source, (const char *)o->bytes + strings->sh_offset + symbol->st_name);
        if (ELF64_R_TYPE(r.r_info) != R_BPF_MAP || i >= count || fd < 0)
            return false;
        code[i].src_reg = BPF_PSEUDO_MAP_FD;
        code[i].imm = fd;
    }
    return true;
}

static int load_code(const struct bpf_insn *code, u32 count, u32 type, const char *name)
{
    union bpf_attr a = {0};
    a.prog_type = type;
    a.insns = (size_t)code;
    a.insn_cnt = count;
    a.license = (size_t)"GPL";
    snprintf(a.prog_name, sizeof a.prog_name, "%s", name);
    return bpf_call(BPF_PROG_LOAD, &a);
}

int bpf_pass_program(void)
{
    static const struct bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
        {.code = BPF_JMP | BPF_EXIT},
    };
    return load_code(code, sizeof code / sizeof *code, BPF_PROG_TYPE_XDP, "torii_pass");
}

int bpf_program_load(const struct bpf_program_source *source)
{
    struct object o;
    const Elf64_Shdr *section = read_object(&o, source) ? section_of(&o, source->section) : NULL;
    errno = ENOEXEC;
    if (!section)
        return -1;
    struct bpf_insn *code = malloc(section->sh_size);
    if (!code)
        return -1;
    memcpy(code, o.bytes + section->sh_offset, section->sh_size);
    u32 count = (u32)(section->sh_size / sizeof *code);
    int fd = put_maps(&o, source, code, count) ? load_code(code, count, source->type, source->name) : -1;
    int saved = errno;
    free(code);
    errno = saved;
    return fd;
}
