/** Has the tests start the command line that people install, which also starts in half the time. */

import { join } from 'node:path';
import { unpackedSdk } from './packed-sdk.ts';

export default async function build(): Promise<void> {
  process.env['HOLDFAST_TEST_MAIN'] = join(await unpackedSdk(), 'dist/cli/main.js');
}
