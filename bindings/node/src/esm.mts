// For `import`: the same objects that `require` gives, so that there is one of each class.
export * from './index.js';
