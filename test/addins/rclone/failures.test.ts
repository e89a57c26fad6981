import { expect, it } from 'vitest';
import { asFailure, RcloneRefusal } from '../../../src/addins/rclone/failures.ts';

it.each([
  ['/nonexistent/rclone.conf', 'is not there', '"config"'],
  ['/dev/null', 'has no such remote', '"remote"'],
  [null, 'has no such remote', '"remote"'],
])('a remote that rclone does not know, with the configuration %s', (config, says, mends) => {
  const refusal = new RcloneRefusal(500, "didn't find section in config file");

  expect(asFailure(refusal, 'use the remote b2:', new AbortController().signal, config)).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(says),
    hint: expect.stringContaining(`Correct ${mends}`),
  });
});
