/* A program of somebody else's, in C: counts photons of crops whose photons are known by hand. */
#include <lumicrop/lumicrop.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 3
#define PIXELS (SIZE * SIZE)

static void demand(lumicrop_status status)
{
    if (status == LUMICROP_OK) {
        return;
    }
    fprintf(stderr, "%s: %s\n", lumicrop_status_name(status), lumicrop_last_error());
    exit(1);
}

static void expect(const char* what, double found, double expected)
{
    printf("  %-40s %14.6f  expected %14.6f\n", what, found, expected);
    if (!(fabs(found - expected) <= 1e-5 * fabs(expected))) {
        fprintf(stderr, "%s is wrong\n", what);
        exit(1);
    }
}

static lumicrop_array column(void* data, lumicrop_dtype dtype, int64_t length)
{
    lumicrop_array array;
    demand(lumicrop_array_init(&array, sizeof array, data, dtype, 1, &length));
    return array;
}

/* Unit-height Gaussian of width `sigma`, averaged over a pixel whose centre lies `distance` away (SPEC section 5). */
static double pixel_gaussian(double distance, double sigma, double pixel)
{
    const double scale = 1 / (sqrt(2.0) * sigma);
    const double integral = erf((distance + pixel / 2) * scale) - erf((distance - pixel / 2) * scale);
    return sqrt(acos(-1.0) / 2) * sigma / pixel * integral;
}

int main(void)
{
    if (strncmp(lumicrop_version(), "0.1.", 4) != 0) {
        fprintf(stderr, "version %s\n", lumicrop_version());
        return 1;
    }
    const double gain = 2, qe = 0.5, pixel = 100, sigma = 90, x = 120, y = 85;

    /* Sum: a ring of 10 around 110 has 100 counts above its median; a ring of 1 to 8 around 50 has the median 4.5. */
    float sum_crops[2][PIXELS] = {{10, 10, 10, 10, 110, 10, 10, 10, 10}, {1, 2, 3, 4, 50, 5, 6, 7, 8}};
    const double sum_photons[2] = {100 * gain / qe, (86 - 9 * 4.5) * gain / qe};

    /* Filter: 1000 counts of the PSF on the fitted background are found as 1000; 7 counts in every pixel as 7 sum(p) / sum(p^2). */
    const double background = 40, fitted_offset = background * gain / qe;
    double psf[PIXELS], psf_sum = 0, psf_squares = 0;
    for (int i = 0; i < PIXELS; ++i) {
        psf[i] = pixel_gaussian(i / SIZE * pixel - y, sigma, pixel) * pixel_gaussian(i % SIZE * pixel - x, sigma, pixel);
        psf_sum += psf[i];
        psf_squares += psf[i] * psf[i];
    }
    float filter_crops[2][PIXELS];
    for (int i = 0; i < PIXELS; ++i) {
        filter_crops[0][i] = (float)(background + 1000 * psf[i] / psf_sum);
        filter_crops[1][i] = (float)(background + 7);
    }
    const double filter_photons[2] = {1000 * gain / qe, 7 * psf_sum * psf_sum / psf_squares * gain / qe};

    /* Two channels, whose detections take turns: channel 1 is summed, channel 2 filtered. */
    const int64_t shape[3] = {2, SIZE, SIZE};
    lumicrop_array images[2];
    demand(lumicrop_array_init(&images[0], sizeof images[0], sum_crops, LUMICROP_F32, 3, shape));
    demand(lumicrop_array_init(&images[1], sizeof images[1], filter_crops, LUMICROP_F32, 3, shape));
    lumicrop_channel channels[2];
    for (int k = 0; k < 2; ++k) {
        demand(lumicrop_channel_init(&channels[k], sizeof channels[k]));
        channels[k].images = &images[k];
        channels[k].method = k == 0 ? LUMICROP_SUM : LUMICROP_FILTER;
        channels[k].pixel_y_nm = channels[k].pixel_x_nm = pixel;
        channels[k].gain = gain;
        channels[k].qe = qe;
        channels[k].psf_sigma_nm = sigma;
    }

    int32_t labels[4] = {1, 2, 2, 1}, corner[4] = {5, 5, 5, 5};
    double x_fit[4], y_fit[4], os_fit[4];
    for (int i = 0; i < 4; ++i) {
        x_fit[i] = corner[i] * pixel + x;
        y_fit[i] = corner[i] * pixel + y;
        os_fit[i] = fitted_offset;
    }
    const lumicrop_array ch = column(labels, LUMICROP_I32, 4), origin = column(corner, LUMICROP_I32, 4);
    const lumicrop_array xs = column(x_fit, LUMICROP_F64, 4), ys = column(y_fit, LUMICROP_F64, 4);
    const lumicrop_array offsets = column(os_fit, LUMICROP_F64, 4);
    lumicrop_detections detections;
    demand(lumicrop_detections_init(&detections, sizeof detections));
    detections.n = 4;
    detections.ch = &ch;
    detections.X0 = detections.Y0 = &origin;
    detections.x_fit = &xs;
    detections.y_fit = &ys;
    detections.os_fit = &offsets;

    float photons[4] = {0};
    const lumicrop_array photons_column = column(photons, LUMICROP_F32, 4);
    lumicrop_result result;
    demand(lumicrop_result_init(&result, sizeof result));
    result.photons = &photons_column;

    lumicrop_context* context = NULL;
    demand(lumicrop_context_create(NULL, &context));
    demand(lumicrop_integrate(context, channels, 2, &detections, &result));
    lumicrop_context_destroy(context);

    expect("photons, sum, ring of 10", photons[0], sum_photons[0]);
    expect("photons, filter, 1000 counts of the PSF", photons[1], filter_photons[0]);
    expect("photons, filter, 7 counts a pixel", photons[2], filter_photons[1]);
    expect("photons, sum, ring of 1 to 8", photons[3], sum_photons[1]);
    puts("  consumer: all as computed by hand");
    return 0;
}
