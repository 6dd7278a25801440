// What two views share is a chunk of its own even where it is small: otherwise each of them would carry it.
module.exports = { optimization: { splitChunks: { chunks: 'async', minSize: 3000 } } };
