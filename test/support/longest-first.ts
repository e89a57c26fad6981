/**
 * The files that take longest begin first, so that no run ends with one of them alone on an idle machine.
 *
 * A checkout that has run the tests before knows their durations; this list is for one that has not.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const tests = join(import.meta.dirname, '..');

const longest = [
  'addins/rclone/conformance.test.ts',
  'addins/s3/engine-on-s3.test.ts',
  'core/jobs/chain/kill.test.ts',
  'cli/store-place.test.ts',
  'core/jobs/kill.test.ts',
  'core/databases/mariadb.test.ts',
  'integrations/apiscp/bridge.test.ts',
  'addins/s3/conformance.test.ts',
  'addins/s3/engine-through-faults.test.ts',
  'core/jobs/import/killed.test.ts',
  'core/jobs/attack.test.ts',
  'addins/s3/faults.test.ts',
  'core/jobs/chain/interrupted.test.ts',
  'core/jobs/chain/change-detection.test.ts',
  'cli/decrypt.test.ts',
  'core/jobs/compact/compact.test.ts',
].map((path) => join(tests, path));

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    for (const path of longest)
      if (!existsSync(path)) throw new Error(`${path} is gone: mend the list of long tests`);
    const place = ({ moduleId }: TestSpecification): number => {
      const index = longest.indexOf(moduleId);
      return index === -1 ? longest.length : index;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}
