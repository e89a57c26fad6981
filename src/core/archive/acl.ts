/**
 * POSIX ACLs: from the kernel's xattr form (linux/posix_acl_xattr.h) to the text that tar archives carry.
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
