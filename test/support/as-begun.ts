/** Test files share their processes: each begins with the environment and the mask for new files of the first one. */

const key = Symbol.for('holdfast.test.as-begun');
const world = globalThis as { [key]?: { readonly env: NodeJS.ProcessEnv; readonly mask: number } };

world[key] ??= { env: { ...process.env }, mask: process.umask() };
const { env, mask } = world[key];
process.umask(mask);
for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
Object.assign(process.env, env);
