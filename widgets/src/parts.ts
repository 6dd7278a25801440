/**
 * Code that not every reader needs. A bundle's text comes from a blob: address and can name no file beside it, so `build.mjs` turns each `import()` of
 * the source into `part(name)`: the kernel that gave the bundle hands that part's text over, and the part gets from here what it shares with the bundle.
 */

type Modules = Record<string, object>;
interface Made { needs: string[]; make(modules: Modules, part: (name: string) => Promise<object>): object }

const modules: Modules = {};
const coming = new Map<string, Promise<object>>();
let textOf: (name: string) => Promise<string> = () => Promise.reject(new Error('there is nobody to ask for more of this view'));

/** Called by the bundle: its own modules that parts import. */
export function share(own: Modules): void {
  Object.assign(modules, own);
}

/** Who has the texts. */
export function partsFrom(source: (name: string) => Promise<string>): void {
  textOf = source;
}

export function part(name: string): Promise<object> {
  let known = coming.get(name);
  if (!known) {
    coming.set(name, (known = load(name)));
    known.catch(() => coming.delete(name));             // asked for once more, it may come
  }
  return known;
}

async function load(name: string): Promise<object> {
  const made = await run(await textOf(name));
  for (const need of made.needs) await part(need);
  return (modules[name] = made.make(modules, part));
}

async function run(text: string): Promise<Made> {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ url);
  } finally {
    URL.revokeObjectURL(url);
  }
}
