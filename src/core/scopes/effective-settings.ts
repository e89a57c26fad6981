/**
 * The settings in force: a configuration as its files say, overlaid with what was set by scopes.
 *
 * The only place where a scope's value meets the configuration, so that every command and the daemon see the
 * same. Pure; a value that does not fit is told as a problem of `scopes.json`, never left out in silence.
 */

import type { Configuration } from '../config/load-configuration.ts';
import { rests } from '../config/policy.ts';
import type { AddinDefinition } from '../contracts/addin.ts';
import type { ScopeValue } from '../contracts/scope.ts';
import type { ConfigProblem } from '../settings/problems.ts';
import { builtinScopes, faultOf } from './builtin.ts';
import { scopeFilePath } from './scope-file.ts';

export type ScopeValuesByName = Readonly<Record<string, ScopeValue>>;

export interface EffectiveSettings {
  readonly configuration: Configuration;
  readonly problems: readonly ConfigProblem[];
}

/** Values of scopes that are not built in are none of its business: whoever contributes those looks after them. */
export function effectiveSettings(
  configuration: Configuration,
  values: ScopeValuesByName,
  definitions: readonly AddinDefinition[],
): EffectiveSettings {
  const problems: ConfigProblem[] = [];
  let effective = configuration;
  for (const spec of builtinScopes) {
    const value = values[spec.name];
    if (value === undefined || value === null) continue;
    const fault = faultOf(spec, value, { configuration, definitions });
    if (fault === null) effective = spec.apply(effective, value, definitions);
    else {
      const hint = `Run holdfast scope set ${spec.name} with an allowed value, or with null.`;
      const file = scopeFilePath(configuration.dir);
      problems.push({ file, pointer: `/values/${spec.name}`, message: fault, hint });
    }
  }
  return { configuration: stopUnwanted(effective), problems };
}

/** What is not to run has no times. */
function stopUnwanted(configuration: Configuration): Configuration {
  const { enabled } = configuration.steering;
  const addins = configuration.addins.map((addin) =>
    enabled && !rests(addin.name, configuration) ? addin : { ...addin, schedule: [] },
  );
  return { ...configuration, addins };
}
