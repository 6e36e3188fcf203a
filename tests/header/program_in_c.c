/* A C11 program that uses the library through its header alone. Exit status 0: photons as expected. */
#include <lumicrop/lumicrop.h>

#include <math.h>
#include <stdio.h>

#define CHECK(call)                                                                                                         \
    do {                                                                                                                    \
        const lumicrop_status status = (call);                                                                              \
        if (status != LUMICROP_OK) {                                                                                        \
            fprintf(stderr, "%s: %s: %s\n", #call, lumicrop_status_name(status), lumicrop_last_error());                    \
            return 1;                                                                                                       \
        }                                                                                                                   \
    } while (0)

int main(void)
{
    /* A crop of background 10 whose inner pixel holds 250 counts more: 250 * 0.5 / 0.8 photons above the border median. */
    uint16_t crop[9] = {10, 10, 10, 10, 260, 10, 10, 10, 10};
    double photons = -1;
    uint32_t flags = 77;
    const int64_t image_shape[3] = {1, 3, 3};
    const int64_t column_shape[1] = {1};
    lumicrop_context* context = NULL;
    lumicrop_array images, photon_column, flag_column;
    lumicrop_channel channel;
    lumicrop_detections detections;
    lumicrop_result result;

    printf("lumicrop %s\n", lumicrop_version());
    CHECK(lumicrop_context_create(NULL, &context));
    CHECK(lumicrop_array_init(&images, sizeof images, crop, LUMICROP_U16, 3, image_shape));
    CHECK(lumicrop_array_init(&photon_column, sizeof photon_column, &photons, LUMICROP_F64, 1, column_shape));
    CHECK(lumicrop_array_init(&flag_column, sizeof flag_column, &flags, LUMICROP_U32, 1, column_shape));
    CHECK(lumicrop_channel_init(&channel, sizeof channel));
    CHECK(lumicrop_detections_init(&detections, sizeof detections));
    CHECK(lumicrop_result_init(&result, sizeof result));
    channel.images = &images;
    channel.method = LUMICROP_SUM;
    channel.gain = 0.5;
    channel.qe = 0.8;
    detections.n = 1;
    result.photons = &photon_column;
    result.flags = &flag_column;
    CHECK(lumicrop_integrate(context, &channel, 1, &detections, &result));
    CHECK(lumicrop_synchronize(context));
    lumicrop_context_destroy(context);
    printf("photons %.6f, flags %u\n", photons, (unsigned)flags);
    return fabs(photons - 156.25) < 1e-3 && flags == 0 ? 0 : 1;
}
