export * from './controls';
export * from './hooks';
export * from './number';
export * from './split';
export * from './states';
export * from './tip';
export * from './tree';
export * from './words';
