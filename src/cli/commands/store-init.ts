/** `holdfast store init`: what the place of a store is like, who may do what there, and setting it up. */

import { type ErrorCode, errorCodes, type HoldfastError } from '../../core/errors.ts';
import type { SetupAction, SetupFinding, StorePolicy, StoreRight } from '../../core/index.ts';
import { printable } from '../../core/printable.ts';
import { acceptCopy } from '../accept-copy.ts';
import type { CliCommand } from '../command.ts';
import type { StoreSetupDocument } from '../documents/store-setup.ts';
import { openStateOf } from '../opened.ts';
import { choose, openSetup, setupRequest, whyAnotherStore } from '../opened-setup.ts';
import type { Output } from '../output.ts';

const help = `
Changes nothing without --apply: it looks at the directory or bucket, judges its lifecycle rules against the
retention of the addin configuration, tries each right with the configured credentials and prints the
policies of a writer, a reader and a pruner. Trials are requests that the service checks and then cannot
carry out; what one makes all the same lies below _verify/ and is removed.
With --accept-copy and --apply the configuration goes on in a place that was a copy of its store, and a note says
whether there was anything to accept: docs/recovery.md.
With --apply it creates what is missing: the directory or bucket, versions, a rule that aborts unfinished
uploads, and a block of public access, which is taken back where writing fails under it. Nothing that others
have set is removed. Where this server has written to another store under the name of the configuration, or to this
one before it was emptied, nothing is set up: to begin a new store on purpose, give the configuration (or the copy)
a new name, and take the old one's file out of addins.d or keep it for what it holds. The status is that of the first error; with warnings only, 100.`;

interface Options {
  readonly addin?: string;
  readonly copy?: string;
  readonly acceptCopy?: true;
  readonly apply?: true;
}

export const storeInit: CliCommand<Options> = {
  exits: [
    'STORE_UNSOUND',
    'STORE_UNAVAILABLE',
    'STORE_DENIED',
    'STORE_FOREIGN',
    'OBJECT_DAMAGED',
    'FINISHED_WITH_WARNINGS',
  ],

  define(command) {
    command
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', 'the place of this copy of the addin configuration, not of its main store')
      .option('--accept-copy', 'the main store is gone: go on in this one, which was its copy')
      .option('--apply', 'create what is missing')
      .addHelpText('after', help);
  },

  async run(context, { options }) {
    const { output, world } = context;
    const chosen = await choose(context, options);
    const { loaded, addin, server: known } = chosen;
    const apply = options.apply === true;
    const found = await whyAnotherStore(chosen, world);
    const accepts = options.acceptCopy === true && (found === null || found.code === 'STORE_FOREIGN');
    if (accepts) output.note(`note: ${await acceptCopy(chosen, apply, world)}`);
    const another = accepts ? null : found;
    if (another !== null && apply) throw another;
    const server = known ?? (apply ? (await openStateOf(loaded.configuration, world)).server.uuid : null);
    const setup = await openSetup(loaded, addin, world);
    if (setup === null) output.info(`the store ${printable(addin.store.use)} has nothing to set up`);
    try {
      const request = setupRequest(addin, server, world);
      const probing = { ...request, probe: world.newUuid() };
      const actions = apply && setup !== null ? await setup.apply(probing) : [];
      printActions(actions, output);
      const inspected = (await setup?.inspect(request)) ?? [];
      const { rights, findings: judged } = (await setup?.tryOut(probing)) ?? { rights: [], findings: [] };
      const findings = [...(another === null ? [] : [asFinding(another)]), ...inspected, ...judged];
      printFindings(findings, output);
      printRights(rights, output);
      const policies = (await setup?.policies(request)) ?? [];
      printPolicies(policies, server, output);
      const exitStatus = statusOf(actions, findings);
      output.document<StoreSetupDocument>({
        addin: addin.name,
        store: addin.store.use,
        server,
        applied: apply,
        exitStatus,
        actions: actions.map((one) => ({ ...one })),
        findings: findings.map((one) => ({ ...one })),
        rights: rights.map((one) => ({ ...one, roles: [...one.roles] })),
        policies: policies.map((one) => ({ ...one })),
      });
      return exitStatus;
    } finally {
      await setup?.close();
    }
  },
};

const asFinding = ({ code, message, hint }: HoldfastError): SetupFinding => {
  return { name: 'identity', state: 'error', detail: message, hint: hint ?? null, code, mendable: false };
};

function printActions(actions: readonly SetupAction[], output: Output): void {
  for (const { name, state, detail, hint } of actions) {
    output.line(`${state.padEnd(10)}  ${name.padEnd(16)}  ${detail}`);
    if (hint !== null) output.line(`            hint: ${hint}`);
  }
  if (actions.length > 0) output.line();
}

function printFindings(findings: readonly SetupFinding[], output: Output): void {
  for (const { name, state, detail, hint } of findings) {
    if (state === 'ok' && output.quiet) continue;
    output.line(`${state.padEnd(7)}  ${name.padEnd(16)}  ${detail}`);
    if (hint !== null) output.line(`         hint: ${hint}`);
  }
}

function printRights(rights: readonly StoreRight[], output: Output): void {
  if (rights.length === 0 || output.quiet) return;
  output.line();
  output.table(
    [{ title: 'RIGHT' }, { title: 'ALLOWED' }, { title: 'NEEDED BY' }, { title: 'ANSWER', shrinks: true }],
    rights.map(({ name, allowed, roles, detail }) => [
      name,
      allowed,
      roles.length === 0 ? 'nobody' : roles.join(', '),
      detail ?? '',
    ]),
  );
}

function printPolicies(policies: readonly StorePolicy[], server: string | null, output: Output): void {
  if (output.quiet) return;
  for (const { role, description, document } of policies) {
    output.line();
    output.line(`Policy "${role}": ${description}.`);
    for (const line of JSON.stringify(document, null, 2).split('\n')) output.line(line);
  }
  if (policies.length > 0 && server === null) {
    output.line();
    output.line(
      'SERVER stands for the UUID of this server, which the first backup makes, or store init --apply.',
    );
  }
}

function statusOf(actions: readonly SetupAction[], findings: readonly SetupFinding[]): number {
  const codes = [...actions, ...findings].flatMap(({ code }) => (code === null ? [] : [code]));
  const [first] = codes as readonly ErrorCode[];
  if (first !== undefined) return errorCodes[first].exit;
  const warned =
    findings.some(({ state }) => state === 'warning') || actions.some(({ state }) => state === 'taken-back');
  return warned ? errorCodes.FINISHED_WITH_WARNINGS.exit : 0;
}
