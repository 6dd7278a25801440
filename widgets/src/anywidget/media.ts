import { media } from '../views/media';
import { HEIGHTS } from '../views/heights';
import { widget } from './host';

export default widget(media, HEIGHTS.media);
