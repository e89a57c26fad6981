import { expect, it } from 'vitest';
import { entryLine } from '../../src/cli/entry-view.ts';
import type { Entry } from '../../src/core/archive/entry.ts';

const withAttributes = (...names: readonly string[]): Entry => ({
  path: Buffer.from('files/a'),
  flags: 0,
  mode: 0o100640,
  uid: 1000,
  gid: 1000,
  mtimeSeconds: 1_700_000_000,
  mtimeNanoseconds: 0,
  ctimeSeconds: 0,
  ctimeNanoseconds: 0,
  inode: 1n,
  xattrs: names.map((name) => ({ name: Buffer.from(name), value: Buffer.from('x') })),
  content: null,
  target: null,
  rdevMajor: 0,
  rdevMinor: 0,
});

it.each([
  ['no attribute', [], ' '],
  ['an ACL', ['system.posix_acl_access'], '+'],
  [
    'an ACL for what comes, beside others',
    ['security.selinux', 'system.posix_acl_default', 'user.note'],
    '+',
  ],
  ['other attributes', ['user.note'], '@'],
  ['a capability', ['security.capability'], '@'],
  ['the label of a host', ['security.selinux'], ' '],
  ['the id on the root of an account', ['trusted.holdfast.account'], ' '],
])('marks a line of ls: %s', (_, names, mark) => {
  expect(entryLine(withAttributes(...names), null)).toMatch(
    new RegExp(`^-rw-r-----[${mark}] {3}1000 {3}1000 .* files/a$`),
  );
});
