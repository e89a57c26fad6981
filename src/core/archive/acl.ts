/**
 * POSIX ACLs in the kernel's xattr form (linux/posix_acl_xattr.h): as the text that tar archives carry, and beside modes.
 *
 * Ids stay numeric: a name would be looked up on the machine that extracts, not on the one that was saved.
 */

const tags: Readonly<Record<number, string>> = {
  1: 'user:',
  2: 'user:',
  4: 'group:',
  8: 'group:',
  16: 'mask:',
  32: 'other:',
};

/** `user::rwx,user:33:r-x,…`, or null where the value is not an ACL of version 2. */
export function aclText(value: Buffer): string | null {
  if (value.length < 4 || (value.length - 4) % 8 !== 0 || value.readUInt32LE(0) !== 2) return null;
  const lines: string[] = [];
  for (let at = 4; at < value.length; at += 8) {
    const tag = value.readUInt16LE(at);
    const name = tags[tag];
    if (name === undefined) return null;
    const perm = value.readUInt16LE(at + 2);
    const id = tag === 2 || tag === 8 ? String(value.readUInt32LE(at + 4)) : '';
    const bits = `${perm & 4 ? 'r' : '-'}${perm & 2 ? 'w' : '-'}${perm & 1 ? 'x' : '-'}`;
    lines.push(`${name}${id}:${bits}`);
  }
  return lines.join(',');
}

/**
 * The access ACL that says what a mode says. Setting it takes away any other, and changes the mode in the same instant.
 */
export function aclOfMode(mode: number): Buffer {
  const entries = [1, mode >> 6, 4, mode >> 3, 32, mode] as const;
  const value = Buffer.alloc(4 + 3 * 8, 0xff);
  value.writeUInt32LE(2, 0);
  for (let i = 0; i < 3; i++) {
    value.writeUInt16LE(entries[i * 2]!, 4 + i * 8);
    value.writeUInt16LE(entries[i * 2 + 1]! & 7, 6 + i * 8);
  }
  return value;
}

/**
 * The mode of an entry with an access ACL, where the ACL cannot be had: its bits of the group are the mask of the ACL,
 * and may hold more than the owning group's own rights.
 */
export function modeWithoutAcl(mode: number, value: Buffer): number {
  for (let at = 4; at + 8 <= value.length; at += 8) {
    if (value.readUInt16LE(at) === 4) return mode & (~0o070 | ((value.readUInt16LE(at + 2) & 7) << 3));
  }
  return mode & ~0o070;
}
