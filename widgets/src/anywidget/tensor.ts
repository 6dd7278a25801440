import { tensor } from '../views/tensor';
import { widget } from './host';

export default widget(tensor, 420);
