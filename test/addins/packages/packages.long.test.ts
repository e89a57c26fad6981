/** What takes longer about addins outside the source: the SDK that addin create packs by itself, and a package's own tests against a server. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AddinWorkspace, makeAddinWorkspace } from '../../support/addin-workspace.ts';
import { ended, startHoldfast } from '../../support/cli.ts';
import { startWebdav, type WebdavService } from '../rclone/services.ts';

let workspace: AddinWorkspace;
let webdav: WebdavService;
beforeAll(async () => {
  workspace = await makeAddinWorkspace();
  webdav = await startWebdav(join(workspace.path, '.dav'));
}, 600_000);
afterAll(async () => {
  await webdav?.stop();
  workspace?.remove();
});

it('runs the tests of the WebDAV store in its package, against a real server', async () => {
  const { url = '', user = '' } = webdav.remote;
  const env = { WEBDAV_URL: url, WEBDAV_USER: user, WEBDAV_PASSWORD: webdav.password };
  const output = await workspace.npm('webdav', ['test'], env);

  expect(output).toMatch(/^ℹ fail 0$/m);
  expect(Number(/^ℹ pass (\d+)$/m.exec(output)?.[1])).toBeGreaterThan(40);
});

it('packs the running Holdfast where no SDK is named', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-created-'));
  try {
    const to = join(directory, 'package');
    const { status, stdout } = await ended(
      startHoldfast(['addin', 'create', 'mine', '--kind', 'store', '--to', to]),
    );

    expect(status).toBe(0);
    expect(stdout).toContain('npm install && npm test');
    expect(readdirSync(join(to, 'sdk'))).toEqual([expect.stringMatching(/^holdfast-.*\.tgz$/)]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
