/**
 * A process of its own for `many-files.long.test.ts`, so that its peak memory is that of the backup alone.
 *
 * usage: many-files-child.ts DIRECTORY TREE    prints one JSON object
 */

import { openLab } from '../../support/backup.ts';

const [, , directory, tree] = process.argv as [string, string, string, string];
const lab = await openLab(directory);
const { snapshot, exitStatus } = await lab.backUp({ shadow: tree });
const peakMebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
const { snapshots } = await lab.verify(false);
const problems = snapshots.reduce((sum, one) => sum + one.problems.length, 0);
const { entries } = snapshot.body.counts;
process.stdout.write(`${JSON.stringify({ entries, exitStatus, peakMebibytes, problems })}\n`);
await lab.close();
