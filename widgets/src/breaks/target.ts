/** Something of the picture on which a breakpoint can stand: a row of ops, calls or sources. */
export type Target = { kind: 'op' | 'module' | 'source'; row: number };
