/**
 * The manifest of a snapshot that has all been stored: what it is, what it has, and what looks wrong about it.
 */

import { createHash } from 'node:crypto';
import { formatVersion, type Manifest, type ManifestHeader } from '../../archive/manifest.ts';
import { snapshotDigest } from '../../archive/snapshot-digest.ts';
import type { Measures } from '../../state/measures.ts';
import { holdfastVersion } from '../addin.ts';
import type { BackUpAccount } from './back-up-account.ts';
import type { CapturedAccount } from './capture-account.ts';
import type { OwnHistory } from './history.ts';
import { judge } from './judge.ts';
import { bodyOf, encryptionOf, exclusionsOf, saltOf } from './manifest-body.ts';
import type { PreparedAccount } from './prepare-account.ts';

export interface StoredAccount {
  readonly prepared: PreparedAccount;
  readonly captured: CapturedAccount;
  readonly history: OwnHistory;
}

/** @returns with its manifest the numbers that the next snapshot is compared with. Findings become warnings as well. */
export function describeSnapshot(
  request: BackUpAccount,
  stored: StoredAccount,
): { readonly manifest: Manifest; readonly measures: Measures } {
  const { account } = request;
  const { epoch, writer, warnings, former } = stored.prepared;
  const { components, trees, unconfigured, notes } = stored.captured;
  const isComplete = components.every((component) => component.state === 'complete');
  const state = isComplete ? 'complete' : 'partial';
  const { parent } = stored.prepared;
  const { statistics, findings, measures } = judge(
    {
      steps: parent === null ? 1 : stored.history.nextSequence - parent.snapshot.header.sequence,
      id: idOf(writer.names),
      state,
      components,
      exclusions: exclusionsOf(account),
      recent: stored.history.recent,
      former,
    },
    { trees, notes, writer, warnings },
  );
  const described = { statistics, findings, ...saltOf(epoch !== null) };
  const body = { ...bodyOf(account, components, warnings, trees, unconfigured), ...described };
  const header = headerOf(request, stored, state);
  return { manifest: { header: { ...header, digest: snapshotDigest(header, body) }, body }, measures };
}

function headerOf(
  { addin, storeId, server, owner, panelRef, world }: BackUpAccount,
  { prepared, captured, history }: StoredAccount,
  state: ManifestHeader['state'],
): Omit<ManifestHeader, 'digest'> {
  const { epoch, parent, writer } = prepared;
  const { objectId } = writer.names;
  return {
    format: formatVersion,
    kind: 'snapshot',
    store: storeId,
    server,
    owner,
    addin: { id: addin.id, name: addin.name },
    lineage: history.last?.lineage ?? createHash('sha256').update(objectId).digest('hex').slice(0, 32),
    sequence: history.nextSequence,
    revision: 0,
    replaces: null,
    writtenBy: holdfastVersion,
    id: idOf(writer.names),
    objectId,
    level: parent === null ? 'full' : parent.level,
    state,
    parents: parent === null ? [] : [parent.snapshot.header.id],
    startedAt: new Date(captured.startedAtMs).toISOString(),
    committedAt: new Date(world.now()).toISOString(),
    storeClockAt: writer.storeClockMs === null ? null : new Date(writer.storeClockMs).toISOString(),
    objects: [...writer.objects].sort((a, b) => a.number - b.number),
    references: [...writer.references].sort((a, b) => a.number - b.number),
    tools: {
      holdfast: holdfastVersion,
      store: addin.storeRef,
      provider: addin.providerRef,
      panel: panelRef,
    },
    previous: digestBefore(history),
    ...encryptionOf(epoch),
  };
}

/**
 * Of the snapshot with the number before. Where that one cannot be read the state may remember it: brought back from a copy
 * it is still the one before, and `repair` has a proof that it is.
 */
function digestBefore({ last, lost, nextSequence }: OwnHistory): string | null {
  const isBefore = lost !== null && lost.lineage === last?.lineage && lost.sequence === nextSequence - 1;
  return (isBefore ? lost : last)?.digest ?? null;
}

const idOf = ({ objectId }: { readonly objectId: string }): string => objectId.slice(0, 12);
