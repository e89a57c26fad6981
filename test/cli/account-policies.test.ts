import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { printPolicies } from '../../src/cli/account-policies.ts';
import type { AccountsDocument } from '../../src/cli/documents/accounts.ts';
import { Output } from '../../src/cli/output.ts';

it('policies of accounts are escaped once', async () => {
  const stdout = new PassThrough();
  const output = new Output({ stdout, stderr: new PassThrough() }, { json: false, quiet: false });
  const none = { value: null, why: null };
  const exclude = { value: [String.raw`a\b`], why: 'rule 0' };
  const policy = { retention: none, fullEveryDays: none, destination: none, exclude };
  printPolicies(output, [
    { site: 'an\u200bna', plan: null, policy },
  ] as unknown as AccountsDocument['accounts']);
  output.flush();
  stdout.end();

  // JSON doubles the backslash, and escaping does once more.
  expect((await text(stdout)).split('\n')[1]).toBe(
    String.raw`an\u{200b}na  -     exclude  ["a\\\\b"]  rule 0`,
  );
});
