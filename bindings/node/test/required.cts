// The same from a CommonJS module.
import { Publisher } from 'hermes-zmq';
import hermes = require('hermes-zmq');

export const publisher: Publisher = new hermes.Publisher('tcp://127.0.0.1:1', 'p');
