/** What the lock of a bucket means for the settings of the store. Pure. */

import type { SetupFinding } from '../../../core/index.ts';
import { describeLock } from '../lock.ts';
import type { S3Settings } from '../settings.ts';
import { finding, mendable, unreadable } from './findings.ts';
import type { Facts } from './place.ts';

const name = 'object lock';

export function objectLockOf({ objectLock }: Facts, settings: S3Settings): readonly SetupFinding[] {
  if (objectLock.state === 'denied' || objectLock.state === 'unsupported')
    return [finding(name, 'note', unreadable(objectLock.state))];
  const lock = objectLock.state === 'told' ? objectLock.value.ObjectLockConfiguration : undefined;
  const wanted = settings.objectLock;
  if (lock?.ObjectLockEnabled !== 'Enabled') {
    if (wanted === undefined) return [finding(name, 'ok', 'is off; only a new bucket can have it')];
    const detail = 'is set in the configuration, and the bucket has none: nothing can be put';
    const hint = 'Name a new bucket and run holdfast store init --apply, or remove "objectLock".';
    // As whatever is put there ends.
    return [mendable({ ...finding(name, 'error', detail, hint), code: 'CONFIG_INVALID' })];
  }
  const byDefault = defaultOf(lock);
  if (wanted === undefined) {
    if (byDefault !== null) return [finding(name, 'ok', `is on: every object is locked for ${byDefault}`)];
    return [finding(name, 'ok', 'is on, without a default retention')];
  }
  const found = [finding(name, 'ok', `is on: ${describeLock(wanted)}`)];
  if (byDefault !== null) {
    found.push(
      finding(name, 'note', `the bucket locks every object for ${byDefault} besides, trials as well`),
    );
  }
  if (wanted.mode === 'governance') {
    const detail = 'governance: whoever has s3:BypassGovernanceRetention can remove what is locked';
    const hint = 'Keep that right from every server; on Ceph deny it, since who puts an object has it.';
    found.push(finding(name, 'note', detail, hint));
  }
  const unlocked = (['data', 'index', 'manifests'] as const).filter((one) => wanted.days[one] === undefined);
  if (unlocked.length > 0) {
    const detail = `${unlocked.join(', ')}: not locked, and without them nothing can be restored`;
    found.push(finding(name, 'warning', detail, 'Give them days in "objectLock" as well.'));
  }
  const { data, index, manifests } = wanted.days;
  if (manifests !== undefined && Math.min(data ?? manifests, index ?? manifests) < manifests) {
    const detail = 'manifests are locked for longer than what they need';
    found.push(finding(name, 'warning', detail, 'Lock data and index for as long as manifests.'));
  }
  return found;
}

function defaultOf({ Rule }: NonNullable<Lock>): string | null {
  const { Mode, Days, Years } = Rule?.DefaultRetention ?? {};
  if (Mode === undefined) return null;
  return `${Days === undefined ? `${Years} years` : `${Days} days`} (${Mode.toLowerCase()})`;
}

type Told = Extract<Facts['objectLock'], { readonly state: 'told' }>;
type Lock = Told['value']['ObjectLockConfiguration'];
