/* All browser tests, one after the other, with one browser and one server. */
import './drawing.test.js';
import './bits.test.js';
import './pictures.test.js';
import './keyboard.test.js';
import './kernels.test.js';
import './oddity.test.js';
import './look.test.js';
import './faults.test.js';
import './here.test.js';
