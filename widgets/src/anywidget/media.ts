import { media } from '../views/media';
import { widget } from './host';

export default widget(media, 420);
